"""The tasks of the zoo: where their examples come from and how they are split."""

import re
from dataclasses import dataclass, field

import numpy as np
from babel import Locale
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from networks import DIGITS, LANGUAGES

SPLIT_SEED = 0
DIGITS_TRAIN_COUNT = 1000
TEXT_LENGTH = 32
NO_BREAK_SPACE, SOFT_HYPHEN = "\u00a0", "\u00ad"
LOCALES = ["en", "de", "fr", "es", "it", "nl", "pl", "fi"]
NAME_GROUPS = ["languages", "territories", "currencies", "scripts", "variants"]


@dataclass(frozen=True)
class Task:
    """Training and validation examples of one task, and what the manifest says about it."""

    name: str
    description: str
    labels: list
    input: tuple
    train_inputs: np.ndarray
    train_labels: np.ndarray
    validation_inputs: np.ndarray
    validation_labels: np.ndarray
    dataset: str
    source: dict
    hint: dict
    vocabulary: int = 0
    length: int = 0
    texts: list = field(default_factory=list)

    @property
    def classes(self):
        return len(self.labels)


def load_tasks():
    """Every task by name."""
    return {task.name: task for task in (digits(), languages())}


def digits():
    """UCI handwritten digits: 1,797 pictures of 8x8, values 0..16; the last 797 are held out.

    The pictures come in the order of their writers, so the hands in the held-out part were never seen in training: a
    harder and more honest question than a shuffled split, where the small networks already answer nearly everything.
    """
    bunch = load_digits()
    pictures = bunch.images.astype(np.float32)[:, None]
    labels = bunch.target.astype(np.int32)
    return Task(
        name=DIGITS,
        description="Which digit, 0 to 9, was written by hand on this 8x8 picture?",
        labels=[str(d) for d in range(10)],
        input=("image", "FP32", (1, 8, 8)),
        train_inputs=pictures[:DIGITS_TRAIN_COUNT],
        train_labels=labels[:DIGITS_TRAIN_COUNT],
        validation_inputs=pictures[DIGITS_TRAIN_COUNT:],
        validation_labels=labels[DIGITS_TRAIN_COUNT:],
        dataset="uci-digits/last-797",
        source={
            "title": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository",
            "doi": "10.24432/C50P49",
            "through": "scikit-learn, sklearn.datasets.load_digits",
            "licence": "CC-BY-4.0",
        },
        hint={"image": {"width": 8, "height": 8, "channels": 1, "layout": "NCHW", "scale": 16 / 255, "offset": 0}},
    )


def languages():
    """Names of languages, places, currencies, units and times as the CLDR writes them; a fifth is held out.

    A name that two languages share has no single right answer and is left out, so no text is on both sides of the split.
    """
    owners = {}
    for label, code in enumerate(LOCALES):
        for name in names(Locale(code)):
            owners.setdefault(name, set()).add(label)
    examples = sorted((name, labels.pop()) for name, labels in owners.items() if len(labels) == 1)
    texts, labels = [e[0] for e in examples], np.array([e[1] for e in examples], np.int32)
    train_texts, held_texts, train_labels, held_labels = train_test_split(
        texts, labels, test_size=0.2, random_state=SPLIT_SEED, stratify=labels
    )
    alphabet = "".join(sorted({c for text in train_texts for c in text}))
    encode = encoder(alphabet)
    return Task(
        name=LANGUAGES,
        description="In which language is this name of a place, language, currency, unit or time written?",
        labels=[Locale(code).get_display_name("en") for code in LOCALES],
        input=("characters", "INT64", (TEXT_LENGTH,)),
        train_inputs=np.stack([encode(t) for t in train_texts]),
        train_labels=train_labels,
        validation_inputs=np.stack([encode(t) for t in held_texts]),
        validation_labels=held_labels,
        dataset="cldr-names/held-out-fifth",
        source={
            "title": "Unicode Common Locale Data Repository (CLDR)",
            "through": "Babel",
            "licence": "Unicode-3.0",
        },
        hint={"text": {"length": TEXT_LENGTH, "alphabet": alphabet, "unknownId": len(alphabet) + 1}},
        vocabulary=len(alphabet) + 2,
        length=TEXT_LENGTH,
        texts=held_texts,
    )


def encoder(alphabet):
    """A function from text to ids `[TEXT_LENGTH]`: character i of the alphabet is i + 1, padding 0, others last + 1."""
    ids = {c: i + 1 for i, c in enumerate(alphabet)}

    def encode(text):
        row = [ids.get(c, len(alphabet) + 1) for c in text[:TEXT_LENGTH]]
        return np.array(row + [0] * (TEXT_LENGTH - len(row)), np.int64)

    return encode


def names(locale):
    """Every name of at least four letters this locale gives to anything."""
    found = [name for group in NAME_GROUPS for name in getattr(locale, group).values()]
    data = locale._data
    for group in ("unit_display_names", "date_fields", "meta_zones", "currency_names_plural"):
        found += leaves(data[group])
    for group in ("months", "days", "quarters"):
        found += getattr(locale, group)["format"]["wide"].values()
    found = [name.replace(NO_BREAK_SPACE, " ").replace(SOFT_HYPHEN, "") for name in found]
    return {name for name in found if len(re.findall(r"[^\W\d_]", name)) >= 4 and "{" not in name}


def leaves(value):
    """All strings inside nested dictionaries."""
    if isinstance(value, str):
        return [value]
    return [leaf for child in value.values() for leaf in leaves(child)] if hasattr(value, "values") else []
