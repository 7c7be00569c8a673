"""Types of NumPy arrays, named once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]
AnyFloats = NDArray[np.floating[Any]]  # float32 or float64
Ints = NDArray[np.int64]
AnyInts = NDArray[np.signedinteger[Any]]  # int32 or int64
Bools = NDArray[np.bool_]
