# agentphone in a container: the Debian package, made in one stage and installed in the other.
#
#     docker build -t agentphone .
#
# The image holds no configuration of yours and no secrets: settings come in by the environment (compose.yaml shows how),
# and what must survive lies in the volume /var/lib/agentphone. docs/installing.md tells the rest.

FROM node:22-bookworm-slim AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY web ./
RUN npm run --silent build

FROM rust:1.95-bookworm AS package
WORKDIR /src
COPY scripts ./scripts
RUN scripts/setup deb
COPY . .
COPY --from=pages /src/web/dist ./web/dist
RUN make deb

FROM debian:bookworm-slim
# A number that stays the same in every image, because the files in the volume belong to it.
RUN groupadd --system --gid 990 agentphone \
    && useradd --system --uid 990 --gid agentphone --home-dir /var/lib/agentphone --shell /usr/sbin/nologin agentphone
COPY --from=package /src/target/debian/agentphone_*.deb /tmp/
RUN apt-get update \
    && apt-get install -y --no-install-recommends /tmp/agentphone_*.deb espeak-ng \
    && rm -rf /var/lib/apt/lists/* /tmp/agentphone_*.deb
ENV AGENTPHONE__SERVER__LISTEN=0.0.0.0:8080
USER agentphone
VOLUME /var/lib/agentphone
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '\"ok\"' <&3"]
ENTRYPOINT ["agentphone"]
CMD ["serve", "--config", "/etc/agentphone/agentphone.toml"]
