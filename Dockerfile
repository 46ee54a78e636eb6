# The base of the build stage must be named, by its digest:
#
#   digest=$(docker buildx imagetools inspect oven/bun:1.4.5 --format '{{.Manifest.Digest}}')
#   docker build --build-arg BUN_IMAGE=oven/bun:1.4.5@$digest --build-arg SEALGATE_COMMIT=$(git rev-parse HEAD) .
#
# No container engine was there to build it. Its C library is that of its base: the image of a release is made by `bun run
# image`, of the same parts at the same paths.
ARG BUN_IMAGE
FROM ${BUN_IMAGE} AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile
COPY tsconfig.json ./
COPY src ./src
COPY release ./release
# Reports state it.
ARG SEALGATE_COMMIT=unknown
RUN bun run build
# The executable and its C library, which is all that it needs: its authorities are inside.
RUN install -D --target-directory=image/usr/local/bin dist/sealgate \
 && ldd dist/sealgate | grep --only-matching '/[^ ]*' | xargs cp --parents --dereference --target-directory=image \
 && cp --parents --dereference --target-directory=image /usr/share/doc/libc6/copyright \
 && mkdir --mode=700 data

FROM scratch
COPY --from=build /build/image /
COPY --from=build --chown=65532:65532 /build/data /data
ARG SEALGATE_COMMIT=unknown
LABEL org.opencontainers.image.licenses=Apache-2.0
LABEL org.opencontainers.image.revision=$SEALGATE_COMMIT
LABEL org.opencontainers.image.title=sealgate
LABEL org.opencontainers.image.version=0.1.0
USER 65532:65532
WORKDIR /data
ENV MIMALLOC_PURGE_DELAY=10000
EXPOSE 5381
VOLUME /data
HEALTHCHECK --interval=30s --timeout=6s CMD ["/usr/local/bin/sealgate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sealgate"]
