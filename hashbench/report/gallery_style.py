"""The style sheet of the gallery: light and dark, wide and narrow, readable without colours."""

STYLE = """
:root { color-scheme: light dark;
  --page: #fff; --ink: #1b1f24; --faint: #59636e; --line: #d1d9e0; --panel: #f6f8fa;
  --right: #1a7f37; --wrong: #cf222e; --link: #0969da; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0d1117; --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --panel: #151b23;
  --right: #3fb950; --wrong: #ff7b72; --link: #4493f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.45rem; margin: .3rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; padding-top: .5rem; }
a { color: var(--link); }
nav { position: sticky; top: 0; z-index: 1; background: var(--page); border-bottom: 1px solid var(--line);
  padding: .5rem 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 1.6rem; margin: .6rem 0; }
dl div { min-width: 6rem; }
dt { color: var(--faint); font-size: .8rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
p.note { color: var(--faint); max-width: 62rem; margin: .4rem 0; }
.query { display: flex; gap: 1rem; padding: .7rem 0; border-top: 1px solid var(--line); }
.asked { flex: none; width: 8.5rem; }
.asked h3 { font-size: .95rem; margin: .2rem 0 0; overflow-wrap: anywhere; }
.asked span { display: block; color: var(--faint); font-size: .8rem; overflow-wrap: anywhere; }
.asked img { width: 96px; border: 2px solid var(--faint); border-radius: 4px; }
.groups { display: flex; flex-wrap: wrap; align-content: flex-start; gap: .55rem; margin: 0; padding: 0;
  list-style: none; min-width: 0; }
.group { border: 1px solid var(--line); border-top: 3px solid var(--faint); border-radius: 0 0 5px 5px;
  background: var(--panel); padding: .15rem .35rem .3rem; min-width: 0; }
.group.cut { border-right: 3px dashed var(--faint); }
.group > b { display: block; font-size: .78rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.group ul { display: flex; flex-wrap: wrap; gap: .35rem; margin: .15rem 0 0; padding: 0; list-style: none; }
.item { width: 72px; font-size: .74rem; line-height: 1.2; text-align: center; overflow-wrap: anywhere; }
.item img { width: 72px; border: 3px solid; border-radius: 4px; }
.right img { border-color: var(--right); } .wrong img { border-color: var(--wrong); border-style: dashed; }
.mark { font-weight: 700; font-size: .95rem; }
.right .mark { color: var(--right); } .wrong .mark { color: var(--wrong); }
img { display: block; height: auto; background: var(--panel); } img.crisp { image-rendering: pixelated; }
@media (max-width: 40rem) { .query { flex-direction: column; gap: .4rem; }
  .asked { width: auto; display: flex; gap: .7rem; }
  .asked img { width: 72px; } .item, .item img { width: 56px; } }
"""
