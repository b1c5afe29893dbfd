"""Feature extractors: images (b, C, H, W) or feature rows (b, d) in, (b, out_features) out.

A backbone is an `nn.Module` with an integer attribute `out_features`. It may also have
- `in_channels` or `in_features` among its constructor's arguments: filled in from the data;
- `pretrained` among them: it knows where published weights are;
- `weights_target`: the inner module whose names are those of the published weights (default: the backbone itself);
- `own_names`: a function from weights under the names of another family to the same under its own;
- `optional_weights`: names of its state that published weights need not have (batch norm added to AlexNet).
Nothing is imported here, so that naming one backbone does not import the others.
"""
