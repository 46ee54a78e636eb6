# syntax=docker/dockerfile:1
FROM oven/bun:1.4.5 AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile
COPY tsconfig.json ./
COPY src ./src
COPY release ./release
# Reports state it: --build-arg SEALGATE_COMMIT=$(git rev-parse HEAD)
ARG SEALGATE_COMMIT=unknown
RUN bun run build && mkdir /data

# The executable needs a C library and nothing else.
FROM gcr.io/distroless/base-debian12:nonroot
COPY --from=build /build/dist/sealgate /usr/local/bin/sealgate
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /data
ENV DATABASE_URL=sqlite:/data/sealgate.db
EXPOSE 5381
VOLUME /data
HEALTHCHECK --interval=30s --timeout=6s CMD ["/usr/local/bin/sealgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sealgate"]
