"""What is counted about requests."""

import pytest

from gateway.metrics.histogram import BOUNDS
from gateway.metrics.requests import RequestMetrics
from tests.unit.gateway.metrics.support import told


def test_requests_are_counted_by_service_method_and_status() -> None:
    metrics = RequestMetrics()
    for status in (200, 200, 404):
        metrics.observe("content", "GET", status, 0.01, 10)
    metrics.observe("auth", "POST", 200, 0.01, 10)
    assert told(metrics.families())["madang_gateway_requests_total"] == {
        ("GET", "content", "200"): 2,
        ("GET", "content", "404"): 1,
        ("POST", "auth", "200"): 1,
    }


def test_the_bytes_of_all_answers_of_a_service_come_together() -> None:
    metrics = RequestMetrics()
    metrics.observe("content", "GET", 200, 0.01, 1000)
    metrics.observe("content", "POST", 422, 0.01, 24)
    assert told(metrics.families())["madang_gateway_response_bytes_total"] == {("content",): 1024}


def test_a_duration_falls_into_its_bucket_and_into_all_that_are_wider() -> None:
    metrics = RequestMetrics()
    metrics.observe("content", "GET", 200, 0.004, 0)
    metrics.observe("content", "POST", 500, 0.005, 0)  # a bound belongs to its bucket
    metrics.observe("content", "GET", 200, 100.0, 0)
    samples = told(metrics.families())
    buckets = samples["madang_gateway_request_duration_seconds_bucket"]
    assert buckets[("0.0025", "content")] == 0
    assert buckets[("0.005", "content")] == 2
    assert buckets[(f"{BOUNDS[-1]}", "content")] == 2
    assert buckets[("+Inf", "content")] == 3
    assert samples["madang_gateway_request_duration_seconds_count"] == {("content",): 3}
    seconds = samples["madang_gateway_request_duration_seconds_sum"]
    assert seconds[("content",)] == pytest.approx(100.009)


def test_methods_that_clients_invent_share_a_time_series() -> None:
    metrics = RequestMetrics()
    for number in range(1000):
        metrics.observe("gateway", f"M{number}", 404, 0.0, 0)
    assert told(metrics.families())["madang_gateway_requests_total"] == {
        ("other", "gateway", "404"): 1000
    }


def test_requests_under_way_are_shown() -> None:
    metrics = RequestMetrics()
    metrics.in_flight += 3
    assert told(metrics.families())["madang_gateway_requests_in_flight"] == {(): 3}
