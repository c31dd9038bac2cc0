# One image for every process: docker-compose.yml and the like choose the command.

FROM python:3.11-slim AS packages
COPY requirements.lock .
RUN python -m venv --without-pip /opt/madang \
 && python -m pip --python /opt/madang/bin/python install \
      --quiet --no-cache-dir --disable-pip-version-check --require-hashes \
      --requirement requirements.lock

FROM python:3.11-slim
# The directories exist in the image so that volumes mounted there belong to the user.
RUN /usr/sbin/useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin madang \
 && install --directory --owner madang --group madang --mode 700 /var/lib/madang/storage /var/lib/madang/mail
COPY --from=packages /opt/madang /opt/madang
WORKDIR /app
COPY gateway gateway
COPY auth_service auth_service
COPY content_service content_service
COPY jobs_service jobs_service
COPY shared shared
COPY deploy deploy
RUN /opt/madang/bin/python -m compileall -q .
# The file system may be read-only. A container answers on its network, not on itself.
ENV PATH=/opt/madang/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "gateway"]
