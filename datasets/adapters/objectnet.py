"""ObjectNet: household things photographed in unusual places, poses and views; 113 of its 313 types are ImageNet's too.

Barbu et al. 2019, NeurIPS; objectnet-1.0.zip of objectnet.dev, whose password is public. Its pictures have a red frame,
which the view `objectnet` cuts off.
"""

from ..class_folders import find_classes
from ..classes import Classes
from ..dataset import Collection, whole
from ..labels import OBJECTNET
from .adapter import Adapter, Data

LABELS = dict(zip(OBJECTNET.names, OBJECTNET.codes, strict=True))
CLASSES = Classes(
    LABELS.get,
    OBJECTNET.codes,
    "ObjectNet has folders named by type, such as alarm_clock",
    others=lambda folder: folder.replace("_", "").replace("-", "").isalnum() and folder.islower(),
)


def read_objectnet(data: Data) -> Collection:
    """Read the 113 types that ImageNet has too, and leave out the rest. Raises DataError."""
    layout = "type folders, of which 113 count"
    return whole(find_classes(data, ADAPTER.name, CLASSES, layout, ("images", "objectnet-1.0")))


ADAPTER = Adapter(
    "objectnet",
    read_objectnet,
    space="objectnet",
    images={"": 18_574},
    classes=113,
    folders=("objectnet-1.0",),
    no_training=True,
)
