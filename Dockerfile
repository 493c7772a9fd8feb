# The build needs only Go; the image holds one static binary, CA certificates
# and time zones, and runs as nobody.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=""
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /hfwatch ./cmd/hfwatch \
 && mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="hfwatch" \
      org.opencontainers.image.description="Watches Hugging Face inference models around the clock." \
      org.opencontainers.image.source="https://github.com/hfwatch/hfwatch" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /hfwatch /hfwatch
COPY --from=build --chown=nonroot:nonroot /data /data
USER nonroot
WORKDIR /
VOLUME /data
EXPOSE 14842
# Off loopback only /metrics and the health pages answer, until a web
# configuration with TLS or a password is mounted and named.
ENTRYPOINT ["/hfwatch"]
CMD ["run", "--config.file=/etc/hfwatch/config.yaml", "--storage.path=/data", "--web.listen-address=0.0.0.0:14842"]
