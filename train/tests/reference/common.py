"""The small generator of the tests, so that no weights and batches have to be stored, and how numbers are written."""

import numpy as np

MASK = (1 << 64) - 1


def numbers(seed, count, scale=1.0):
    """The tests' own generator: splitmix64, 24 bits, from -scale to scale."""
    out = []
    state = seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        out.append(((z >> 40) / (1 << 24) * 2.0 - 1.0) * scale)
    return np.array(out, dtype=np.float32)


def rounded(values):
    return [float(f"{float(v):.8g}") for v in np.asarray(values, dtype=np.float64).ravel()]
