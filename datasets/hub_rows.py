"""Data sets of the model hub: `hf://org/name`, fetched as parquet files or webdataset shards."""


def is_hub(text: str) -> bool:
    """Say whether `text` names a data set of the hub; a `Path` of it, which has one slash, counts too."""
    return text.startswith("hf:/")
