"""
Arrays of random numbers, in numpy's shapes and types.

The random words become text by integer arithmetic, IEEE 754 sums, products and
quotients, and rounding only. Logarithms and cosines are not used: their last
bit differs between processors.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from feeds.sources import draws
from feeds.sources.source import CHUNK, Source
from feeds.sources.spec import (
    MAX_NUMBER,
    Spec,
    SpecError,
    check_keys,
    choice,
    integer,
    number,
    refuse,
)

MAX_DIMENSIONS = 4
MAX_ITEMS = 1024
"""The most numbers in one record: a chunk of such records takes about 6 MB."""
MAX_DECIMALS = 12
"""The most decimals: with three digits before them, as many as a float64 keeps."""

INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64")
"""Types of whole numbers, the default first."""
FLOATS = ("float64", "float32")
"""Types of fractions, the default first."""
DISTRIBUTIONS = {
    "integers": ("low", "high"),
    "uniform": ("low", "high", "decimals"),
    "normal": ("mean", "deviation", "decimals"),
}
"""The keys that each distribution adds to the spec."""

_NORMAL_WORDS = 6
"""Random words for one normal number, each of two 32-bit halves."""


class Arrays(Source):
    """A source whose records are arrays of one shape."""

    kind = "arrays"

    @classmethod
    def check(cls, spec: Spec) -> dict[str, Any]:
        """Return *spec* with every default filled in; raises SpecError."""
        distribution = choice("distribution", spec.get("distribution", "integers"), DISTRIBUTIONS)
        keys = ("distribution", "shape", "dtype", *DISTRIBUTIONS[distribution])
        check_keys(spec, keys, of=f"{cls.kind} with the distribution {distribution}")
        dtypes = INTEGERS if distribution == "integers" else FLOATS
        checked: dict[str, Any] = {
            "distribution": distribution,
            "shape": _shape(spec.get("shape", [10])),
            "dtype": choice("dtype", spec.get("dtype", dtypes[0]), dtypes),
        }
        if distribution == "integers":
            return checked | _integer_bounds(spec, checked["dtype"])
        decimals = integer("decimals", spec.get("decimals", 3), low=0, high=MAX_DECIMALS)
        bounds = _uniform_bounds(spec) if distribution == "uniform" else _normal_bounds(spec)
        return checked | bounds | {"decimals": decimals}

    @classmethod
    def schema(cls, spec: Spec) -> dict[str, Any]:
        """Return a JSON Schema for records of a checked *spec*, with keywords of draft 7."""
        # Rounding may exceed the bounds of fractions, so only whole numbers have bounds.
        items: dict[str, Any] = {"type": "number"}
        if spec["distribution"] == "integers":
            bounds = {"minimum": spec["low"], "maximum": spec["high"] - 1}
            items = {"type": "integer", **bounds}
        for length in reversed(spec["shape"]):
            items = {"type": "array", "items": items, "minItems": length, "maxItems": length}
        return items

    def make_chunk(self, number: int) -> list[bytes]:
        """Return the CHUNK records of chunk *number*, counted from 0."""
        shape = (CHUNK, *self.spec["shape"])
        array = self._values(number, prod(shape)).astype(self.spec["dtype"]).reshape(shape)
        return [orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY) for record in array]

    def _values(self, chunk: int, count: int) -> NDArray[np.int64] | NDArray[np.float64]:
        spec = self.spec
        match spec["distribution"]:
            case "integers":
                steps = draws.below(draws.draw(self.seed, chunk, count), spec["high"] - spec["low"])
                return np.int64(spec["low"]) + steps.astype(np.int64)
            case "uniform":
                unit = _unit(draws.draw(self.seed, chunk, count))
                values = spec["low"] + (spec["high"] - spec["low"]) * unit
            case _:
                normal = _normal(draws.draw(self.seed, chunk, count * _NORMAL_WORDS))
                values = spec["mean"] + spec["deviation"] * normal
        return _rounded(values, spec["decimals"])


def _unit(words: draws.Words) -> NDArray[np.float64]:
    """Return the upper 53 bits of each word as a number from 0 to below 1."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _normal(words: draws.Words) -> NDArray[np.float64]:
    """
    Return normal numbers of mean 0 and deviation 1, all from -6 to 6.

    Each is the sum of twelve uniform numbers minus the mean of such a sum (Irwin
    and Hall): twelve, because the variance of a uniform number is 1/12.
    """
    high, low = draws.halves(words)
    sums: draws.Words = (high + low).reshape(-1, _NORMAL_WORDS).sum(axis=1)
    mean = _NORMAL_WORDS * (2**32 - 1)
    return (sums.astype(np.float64) - mean) * 2.0**-32


def _rounded(values: NDArray[np.float64], decimals: int) -> NDArray[np.float64]:
    scale = float(10**decimals)
    rounded: NDArray[np.float64] = np.rint(values * scale) / scale
    # Turns -0.0 into 0.0; otherwise the text would show -0.0.
    return rounded + 0.0


def _shape(value: object) -> list[int]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_DIMENSIONS:
        refuse("shape", value, f"an array of 1 to {MAX_DIMENSIONS} lengths")
    shape = [integer("a length in shape", length, low=1, high=MAX_ITEMS) for length in value]
    if prod(shape) > MAX_ITEMS:
        raise SpecError(f"shape holds {prod(shape)} numbers; at most {MAX_ITEMS} are allowed")
    return shape


def _integer_bounds(spec: Spec, dtype: str) -> dict[str, int]:
    info = np.iinfo(dtype)
    least, most = max(int(info.min), -MAX_NUMBER), min(int(info.max), MAX_NUMBER)
    low = integer("low", spec.get("low", 0), low=least, high=most)
    return {
        "low": low,
        "high": integer("high", spec.get("high", 100), low=low + 1, high=most + 1),
    }


def _uniform_bounds(spec: Spec) -> dict[str, float]:
    low = number("low", spec.get("low", 0.0))
    high = number("high", spec.get("high", 1.0))
    if low >= high:
        refuse("high", high, f"greater than low, which is {low:g}")
    return {"low": low, "high": high}


def _normal_bounds(spec: Spec) -> dict[str, float]:
    return {
        "mean": number("mean", spec.get("mean", 0.0)),
        "deviation": number("deviation", spec.get("deviation", 1.0), low=0),
    }
