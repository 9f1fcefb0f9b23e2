#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guess:     the image-folder reader of Hugging Face's datasets gives of train/CLASS/ and test/CLASS/ two splits, with the
#            pictures of these two folders, whatever the classes are called. One folder a class and nothing above
#            them is one split with all classes.
# Behaviour: splits are found by words in the whole path. CIFAR-100 has a class "train" (so has COCO): the test pictures
#            in test/train/ are in both splits, so the net trains on them. Without folders for the splits, the
#            pictures of "train" (or "train_station") are the only ones that are read, without labels and
#            without a warning; a class "test_tube" becomes a split "test", and all others are gone.
# Versions:  datasets 5.2.0, Pillow 13.0.0. Seen on 30 November 2026 for three pictures a class in each split:
#            split folders:         train 12, of which 3 are from test/   test 9
#            bus train tram:        train 3, no labels
#            bus test_tube tram:    test 3, no labels
#            bus motorcycle tram:   train 9, labels bus motorcycle tram
# Fails if:  one of these lines changes.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q uv==0.13.9
"$work/venv/bin/uv" pip install -q --python "$work/venv/bin/python" datasets==5.2.0 pillow==13.0.0 numpy==2.4.6
HF_HUB_OFFLINE=1 HF_HOME="$work/home" "$work/venv/bin/python" - "$work" <<'END'
import pathlib, sys
import datasets, numpy as np
from PIL import Image

work, of_train, of_test = pathlib.Path(sys.argv[1]), 10, 200
datasets.disable_progress_bars()


def read(name, classes):
    for folder in classes:
        (work / name / folder).mkdir(parents=True)
        level = of_test if folder.startswith("test/") else of_train
        for i in range(3):
            Image.fromarray(np.full((4, 4), level, np.uint8)).save(work / name / folder / f"{i}.png")
    return datasets.load_dataset("imagefolder", data_dir=str(work / name))


def labels(split):
    return "labels " + " ".join(split.features["label"].names) if "label" in split.features else "no labels"


nested = read("nested", [f"{split}/{name}" for split in ("train", "test") for name in ("bus", "train", "tram")])
leaked = sum(np.asarray(sample["image"]).max() == of_test for sample in nested["train"])
seen = [f"split folders: train {len(nested['train'])}, of which {leaked} are from test/ test {len(nested['test'])}"]
for classes in (["bus", "train", "tram"], ["bus", "test_tube", "tram"], ["bus", "motorcycle", "tram"]):
    splits = read("-".join(classes), classes)
    seen.append(" ".join(classes) + ": " + ", ".join(f"{name} {len(s)}, {labels(s)}" for name, s in splits.items()))
print("\n".join(seen))
assert seen == ["split folders: train 12, of which 3 are from test/ test 9", "bus train tram: train 3, no labels",
                "bus test_tube tram: test 3, no labels", "bus motorcycle tram: train 9, labels bus motorcycle tram"], \
    "the reader has changed"
END
