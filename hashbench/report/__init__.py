"""Tables, figures and pages made from results. Import the submodules; this imports none of them."""
