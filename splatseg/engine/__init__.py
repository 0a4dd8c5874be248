"""The engine: one function over many items, in this process or on workers that Dask keeps."""
