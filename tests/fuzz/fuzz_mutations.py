"""Ways in which an input goes wrong: bytes, lines, values of a structure, arrays of an archive."""

from __future__ import annotations

import copy
import io
import json
import math
import random
import zipfile
from typing import Any

import numpy as np

NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, 2**64, -(2**70), 10**30, 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320,
    math.nan, math.inf, -math.inf, "", " ", "a", "0", "1e3", "nan", "x" * 5000, "two words " * 60, "\x1b[31mred",
    "a\nb", "a\0b", "\ud800", "\u202eabc", "é", "=1+1", "<script>", "..", "/dev/null", "~nosuchuser/x", "None", [], [[]],
    [1], [-1], [0.5], ["a"], [None], [[1, 2], [3]], [1] * 2000, {}, {"": 0}, {"a": 1}, {"type": "SGD"}, {"type": []},
]  # fmt: skip

YAML_WORDS = [
    "? [a]\n: 1\n", "2001-99-99", "2001-01-01", "!!bool x", "!!timestamp x", "!!int x", "!!float x", "!!null [a]",
    "!!binary '*'", "!!set {a}", "!!omap [a: 1]", "!!python/object/apply:os.getpid []", "!!map [1]", "!!str {}",
    "!<!> a", "[" * 2000, "[" * 2000 + "]" * 2000, "{a: " * 900 + "1" + "}" * 900, "- " * 900, "9" * 5000, "1" + ":59" * 900,
    "0x" + "f" * 900, "&a [*a]", "*a", "&a", "<<: *a", "<<: 5", ".nan", ".inf", "1e999", "~", "yes", "=", "|\n", ">\n  x",
    "'", '"', "\t", "---\n", "...\n", "%YAML 3.0\n", "%TAG ! x\n", "\ufeff", "\0", "\x85", "a: b: c", "- - -", "# x", ",",
    "{", "}", "]", ":", "? ", "\n  ", "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
]  # fmt: skip

CLASS_PATHS = [
    "os:path", "builtins:int", "builtins:min", "sys:maxsize", "no_such:Class", "json:loads", "os:no_such", "a..b:C", "_x:y",
    "collections:OrderedDict", "torch:tensor", "antlr:x", "__main__:x", "os.path:join", "typing:Any", "hashbench:run",
]  # fmt: skip


def pick(rng: random.Random, choices: Any) -> Any:
    """One of them, not shared with the next case."""
    return copy.deepcopy(rng.choice(choices))


def mutated_bytes(rng: random.Random, content: bytes) -> bytes:
    """A few bytes changed, removed, doubled or put in."""
    found = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 20])):
        at = rng.randrange(len(found) + 1)
        how = rng.randrange(6)
        if how == 0 and at < len(found):
            found[at] = rng.randrange(256)
        elif how == 1 and at < len(found):
            found[at] ^= 1 << rng.randrange(8)
        elif how == 2:
            del found[at : at + rng.choice([1, 2, 10, 100])]
        elif how == 3:
            found[at:at] = bytes(rng.choices(range(256), k=rng.choice([1, 2, 10])))
        elif how == 4:
            found[at:at] = found[max(0, at - rng.randrange(1, 50)) : at]
        elif rng.random() < 0.2:
            del found[at:]
    return bytes(found)


def mutated_text(rng: random.Random, text: str, words: list[str]) -> str:
    """A text with one of some words put in, or lines moved, doubled or removed."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        how = rng.randrange(6)
        if how == 0:
            del lines[at]
        elif how == 1:
            lines.insert(at, rng.choice(lines))
        elif how == 2:
            lines[at] = (
                lines[at].partition(rng.choice([":", " ", "="]))[0] + rng.choice([": ", " ", "="]) + rng.choice(words)
            )
        elif how == 3:
            lines[at] = " " * rng.randrange(1, 5) + lines[at]
        elif how == 4:
            place = rng.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + rng.choice(words) + lines[at][place:]
        else:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        text = "\n".join(lines)
    return text


def mutated_values(rng: random.Random, value: Any) -> Any:
    """A structure with some of its values replaced, removed or added."""
    root = {"root": copy.deepcopy(value)}
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        places = list(_places(root))
        holder, key = rng.choice(places)
        how = rng.randrange(5)
        if how == 0 and holder is not root:
            del holder[key]
        elif how == 1 and isinstance(holder[key], dict):
            holder[key][rng.choice(["", "a", "\x1b", "x" * 400, "a.b", *holder[key]])] = pick(rng, NASTY)
        elif how == 2:
            for _ in range(rng.choice([1, 3, 30, 150])):
                holder[key] = [holder[key]] if rng.random() < 0.5 else {"a": holder[key]}
        else:
            holder[key] = pick(rng, NASTY)
    return root["root"]


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def mutated_json(rng: random.Random, value: Any) -> bytes:
    """JSON of a structure that went wrong, or JSON that did."""
    text = json.dumps(mutated_values(rng, value) if rng.random() < 0.8 else value, indent=rng.choice([None, 1]))
    if rng.random() < 0.1:
        text = text.replace("1", rng.choice(["9" * 5000, "1e999", "-", "0x1", "[" * 5000]), 1)
    return mutated_bytes(rng, text.encode()) if rng.random() < 0.25 else text.encode()


def mutated_npz(rng: random.Random, arrays: dict[str, np.ndarray]) -> bytes:
    """An archive whose arrays, names, headers or bytes went wrong."""
    arrays = dict(arrays)
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        name = rng.choice(list(arrays))
        how = rng.randrange(4)
        if how == 0 and len(arrays) > 1:
            del arrays[name]
        elif how == 1:
            arrays[rng.choice(["bits", "x", "", "train", name, "a/b", "\x1b"])] = arrays[rng.choice(list(arrays))]
        else:
            arrays[name] = _mutated_array(rng, arrays[name])
    buffer = io.BytesIO()
    save = rng.choice([np.savez, np.savez_compressed])
    save(buffer, **arrays)
    content = buffer.getvalue()
    how = rng.random()
    if how < 0.15:
        content = _reheaded(rng, arrays)
    elif how < 0.25:
        content = content.replace(
            b"'shape': (", rng.choice([b"'shape': (9", b"'shape': (-", b"'shaqe': (", b"'shape': [["]), 1
        )
    return mutated_bytes(rng, content) if rng.random() < 0.3 else content


def _mutated_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    how = rng.randrange(9)
    if how == 0:
        kinds = [
            "float64",
            "float32",
            "float16",
            "complex64",
            "bool",
            "uint8",
            "int8",
            "int64",
            "uint64",
            "U8",
            "S4",
            "M8[s]",
        ]
        with np.errstate(all="ignore"):
            return array.astype(rng.choice(kinds)) if array.dtype.kind in "biuf" else np.zeros(3)
    if how == 1:
        return array[: rng.randrange(len(array) + 1)] if array.ndim else array
    if how == 2:
        return array.T.copy()
    if how == 3:
        return np.asarray(pick(rng, [0, -1, math.nan, 2**63, 1e300, "a", True, 8, 4096, 10**6]))
    if how == 4:
        return np.array([{"a": 1}, None], dtype=object)
    if how == 5:
        return array.reshape(-1) if rng.random() < 0.5 else array[..., None]
    if how == 6:
        return np.zeros(
            [(0,), (0, 0), (3, 0), (0, 8), (1, 1), (2, 3, 4), ()][rng.randrange(7)], rng.choice([np.float32, np.int64])
        )
    if how == 7:
        return np.zeros(3, dtype=[("a", "i4"), ("b", "f4")])
    found = array.astype(np.float64) if array.dtype.kind in "biuf" else np.zeros(4)
    found.reshape(-1)[: rng.randrange(1, 4)] = pick(rng, [math.nan, math.inf, -1, 2**62, 1e300, 0.5, -0.0])
    return found


def _reheaded(rng: random.Random, arrays: dict[str, np.ndarray]) -> bytes:
    """An archive in which one header claims what is not there, or the table is odd."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(
        buffer, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
    ) as archive:
        for number, (name, array) in enumerate(arrays.items()):
            one = io.BytesIO()
            np.save(one, array)
            content = one.getvalue()
            if number == 0:
                shape = rng.choice(
                    ["(1099511627776, 8)", "(10**9,)", "(-1,)", "(2**70,)", "[" * 300, "(1,) * 10**9", "()"]
                )
                header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
                content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content[-8:]
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()
