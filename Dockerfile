# syntax=docker/dockerfile:1
# The image of the action and of every pipeline. The release flow pins the base by digest (see .github/workflows/release.yml).
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The packages first: they change less often than the code. Wheels only, each by its hash: nothing is compiled, and the
# environment that is copied below holds no pip.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /build \
    && /build/bin/pip install --require-hashes --only-binary=:all: -r requirements-build.lock \
    && python -m venv --without-pip /opt/reconcile \
    && python -m pip --python /opt/reconcile/bin/python install --no-compile --require-hashes --only-binary=:all: \
        -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY reconciler reconciler
# Bytecode is made once, here, and not checked against its source again: a container starts as fast as it can.
RUN /build/bin/hatchling build -t wheel -d /dist \
    && python -m pip --python /opt/reconcile/bin/python install --no-compile --no-deps --no-index /dist/*.whl \
    && /opt/reconcile/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/reconcile/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="reconciler" \
      org.opencontainers.image.description="Declarative GitOps for DigitalOcean App Platform" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base has no bytecode of the standard library, and nothing could write it in a read-only container.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|site-packages)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/reconcile /opt/reconcile
ENV PATH=/opt/reconcile/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# No USER: GitHub mounts the workspace for root and asks container actions to stay root (docs/decisions/006-image.md).
# Everywhere else run it as anybody, such as --user 65532: it needs no file of its own.
ENTRYPOINT ["reconcile"]
