# syntax=docker/dockerfile:1
# docker build -t ai-loadbalancer .
# Holds the proxy and the mock services; the latter serve the demo and conf/compose.yaml.

FROM rust:1.95.0-bookworm AS builder
# cmake builds zlib-ng, which Pingora needs.
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
# The image's own compiler; rust-toolchain.toml would fetch rustfmt and clippy as well.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /build
COPY . .
# Caches last from build to build but are no part of the layer, so the binaries are moved out.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --workspace --bin ai-loadbalancer --bin services-mock \
    && install -D --target-directory=/out target/release/ai-loadbalancer target/release/services-mock

FROM debian:bookworm-slim AS onnxruntime
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /fetch
COPY scripts/onnxruntime.sh scripts/
RUN scripts/onnxruntime.sh

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin edge
COPY --from=onnxruntime /fetch/.tools/onnxruntime/libonnxruntime.so.1.32.0 /usr/local/lib/
COPY --from=builder /out/ /usr/local/bin/
# Paths in a configuration are resolved from the working directory.
WORKDIR /app
COPY conf/ conf/
COPY models/ models/
ENV ORT_DYLIB_PATH=/usr/local/lib/libonnxruntime.so.1.32.0
USER edge
EXPOSE 8080 9901
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=2s --start-period=5s --retries=3 \
    CMD ["ai-loadbalancer", "healthcheck"]
ENTRYPOINT ["ai-loadbalancer"]
CMD ["run", "-c", "conf/compose-edge.yaml"]
