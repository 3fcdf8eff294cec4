# The gateway in a container: built in one stage, run from another that holds no build tools.
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE-MIT LICENSE-APACHE ./
COPY src ./src
RUN python -m venv /opt/modelmux \
    && /opt/modelmux/bin/pip install --no-cache-dir -c constraints.txt ".[azure]"

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin modelmux \
    && install -d -o modelmux -g modelmux /data
COPY --from=build /opt/modelmux /opt/modelmux
ENV PATH="/opt/modelmux/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    MODELMUX_SERVER__HOST=0.0.0.0 \
    MODELMUX_SERVER__PORT=3000 \
    MODELMUX_STORAGE__PATH=/data/modelmux.db
USER modelmux
WORKDIR /data
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["modelmux", "health"]
ENTRYPOINT ["modelmux"]
CMD ["serve"]
