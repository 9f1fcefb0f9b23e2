#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     top-k accuracy of the same probabilities is the same number in scikit-learn and torchmetrics.
# Behaviour: where classes tie (a net whose last layer begins at zero, saturated sigmoids, quantised scores), scikit-learn
#            prefers the class with the higher number, torchmetrics the one with the lower number, and neither
#            says so: 0.75 against 0.25 for the same four samples. And k above the number of classes is
#            1.0 with a warning in one and an error in the other.
# Versions:  scikit-learn 1.9.1, torchmetrics 1.9.0, PyTorch 2.15.0. Seen on 30 November 2026:
#            top-1: scikit-learn 0.75, torchmetrics 0.25   top-2: scikit-learn 1, torchmetrics 0.75
# Fails if:  the two agree, or torchmetrics takes k = 5 of 3 classes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" torch==2.15.0 torchmetrics==1.9.0 scikit-learn==1.9.1 numpy==2.4.6
"$work/venv/bin/python" - <<'END'
import numpy as np, torch
from sklearn.metrics import top_k_accuracy_score
from torchmetrics.functional.classification import multiclass_accuracy

scores = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
labels = np.array([0, 1, 2, 2])


def of_torchmetrics(k):
    return multiclass_accuracy(torch.tensor(scores), torch.tensor(labels), 3, average="micro", top_k=k).item()


seen = {k: (top_k_accuracy_score(labels, scores, k=k, labels=[0, 1, 2]), of_torchmetrics(k)) for k in (1, 2)}
print(*(f"top-{k}: scikit-learn {a:g}, torchmetrics {b:g}" for k, (a, b) in seen.items()), sep="   ")
assert seen == {1: (0.75, 0.25), 2: (1.0, 0.75)}, "ties are broken otherwise now"
try:
    of_torchmetrics(5)
except ValueError:
    pass
else:
    raise AssertionError("torchmetrics takes k = 5 of 3 classes")
END
