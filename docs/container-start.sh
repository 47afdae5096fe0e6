#!/bin/sh
# Build what can be built (a study that cannot be had is reported and left out), then serve.
set -e
cd "$(dirname "$0")/.."
python -m core build
exec streamlit run app.py --server.address=0.0.0.0 --server.port="${PORT:-8501}" --server.headless=true
