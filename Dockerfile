# One image for the service and the dashboard; compose.yaml chooses.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    GLIALENS_RUNS_DIR=/data/runs

WORKDIR /app
# Such as "psycopg[binary]==3.3.9" for a case log in PostgreSQL.
ARG DATABASE_DRIVER=""
COPY requirements.txt .
RUN pip install --disable-pip-version-check -r requirements.txt \
        ${DATABASE_DRIVER:+"$DATABASE_DRIVER"} \
    && useradd --system --uid 10001 --home-dir /data --create-home glialens

COPY streamlit_app.py ./
COPY .streamlit/config.toml .streamlit/config.toml
COPY api api
COPY core core
COPY pages pages
COPY ui ui
COPY weights weights

USER 10001
VOLUME /data
EXPOSE 8000 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "-m", "core", "serve", "--host", "0.0.0.0", "--port", "8000"]
