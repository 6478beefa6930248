"""Images that come as a table, a label in each row: parquet files, webdataset shards, data sets of the hub."""
