"""The two-tower model as a task of the training loop.

Imports TensorFlow only when a rank builds the model, so that a Spark driver can describe a fit without loading it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from libs.models.files import Arrays
from libs.models.two_tower_inputs import Catalogue, TwoTowerParams
from libs.registry.weights import load_arrays
from libs.training.spec import Batch, TrainingDataError

if TYPE_CHECKING:
    from libs.models.two_tower import TwoTower


@dataclass(frozen=True)
class StoredCatalogue:
    """A catalogue stored as a folder of arrays (`libs.registry.weights.save_arrays`) at a URI, with its checksum.

    Keeps the specs sent to ranks small; ranks hold one fit's catalogue at a time, however many fits there are.
    """

    uri: str
    checksum: str

    def load(self) -> Catalogue:
        return Catalogue(**load_arrays(self.uri, self.checksum)[0])


@dataclass(frozen=True, eq=False)
class TwoTowerTask:
    """A `libs.training.spec.Task`: everything a rank needs to build the model with its loss."""

    params: TwoTowerParams
    catalogue: Catalogue | StoredCatalogue
    n_profile: int
    columns = ("history", "history_age", "profile", "target", "weight")

    def check(self, batch: Batch) -> None:
        """Raises TrainingDataError for arrays of several lengths, or a row that has no product to learn."""
        for name in ("history", "history_age", "profile"):
            if batch[name].ndim != 2:
                raise TrainingDataError(f"column {name}: expected arrays of one fixed length, got {batch[name].dtype}")
        if batch["history"].shape != batch["history_age"].shape:
            raise TrainingDataError("columns history and history_age differ in length")
        if not (batch["target"] > 0).all():
            raise TrainingDataError("column target: a row has no product (0, negative or null)")

    def build(self, seed: int, dtype: str) -> "TwoTower":
        """The model with freshly initialised weights; `dtype` is a Keras dtype policy such as "mixed_bfloat16"."""
        from libs.models import two_tower

        catalogue = self.catalogue.load() if isinstance(self.catalogue, StoredCatalogue) else self.catalogue
        return two_tower.build(self.params, catalogue, self.n_profile, seed=seed, dtype=dtype)

    def save(self, model: "TwoTower", folder: Path) -> None:
        """Writes the model; see `libs.models.two_tower.save`."""
        from libs.models import two_tower

        two_tower.save(model, folder)

    def fingerprint(self) -> Arrays:
        """Identifies the catalogue, which a checkpoint must match as well as `params`."""
        if isinstance(self.catalogue, StoredCatalogue):
            return {"checksum": np.frombuffer(bytes.fromhex(self.catalogue.checksum), np.uint8)}
        return self.catalogue.arrays()
