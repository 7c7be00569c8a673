#!/usr/bin/env bash
# spark.executor.resource.gpu.discoveryScript: prints a machine's GPUs for Spark. pip's pyspark ships no such script.
set -euo pipefail
found=$(nvidia-smi --query-gpu=index --format=csv,noheader | paste -sd, | sed 's/ *, */","/g')
echo "{\"name\": \"gpu\", \"addresses\": [\"${found}\"]}"
