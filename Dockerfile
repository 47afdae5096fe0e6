# TMEscope in a container.
#   docker build -t tmescope .
#   docker run -p 8501:8501 -v tmescope:/data tmescope
# With a GPU: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 -t tmescope:cuda .
# Without internet: add -v /path/to/mirror:/mirror:ro -e TMESCOPE_MIRROR=/mirror
FROM python:3.11-slim-bookworm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

RUN apt-get update \
 && apt-get install -y --no-install-recommends chromium fonts-inter curl \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --index-url ${TORCH_INDEX} "$(grep '^torch==' requirements.txt)" \
 && pip install --no-cache-dir -r requirements.txt

COPY app.py pyproject.toml LICENSE README.md ./
COPY .streamlit ./.streamlit
COPY core ./core
COPY data ./data
COPY models ./models
COPY pages ./pages
COPY docs/container-start.sh ./docs/container-start.sh

RUN useradd --create-home --uid 10001 tmescope && mkdir /data && chown tmescope /data
USER tmescope
ENV TMESCOPE_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s CMD curl --fail --silent http://localhost:8501/_stcore/health || exit 1
CMD ["sh", "docs/container-start.sh"]
