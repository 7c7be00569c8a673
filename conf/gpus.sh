#!/usr/bin/env bash
# Tells Spark which GPUs a machine has, as spark.executor.resource.gpu.discoveryScript; pip's pyspark ships no such script.
set -euo pipefail
found=$(nvidia-smi --query-gpu=index --format=csv,noheader | paste -sd, | sed 's/ *, */","/g')
echo "{\"name\": \"gpu\", \"addresses\": [\"${found}\"]}"
