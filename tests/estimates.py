"""An estimate of a million images, for tests."""

from osrmac.estimation.costs import Requests, Volume
from osrmac.estimation.result import Estimate, GpuTime, MachineTime, SampleFacts
from osrmac.runs.failures import Failures

FAILED = Failures("decode", "the file is empty", 2, ("a.jpg", "b.jpg"))
ESTIMATE = Estimate(
    images=1_000_000,
    skipped={".xmp": 3},
    sample=SampleFacts(50, (FAILED,), 12.0, 95.0),
    machine=MachineTime("cpu", 2, 2, 80.0, 20.0, 0.2, 27.8, 1.25, 55.6),
    gpu=GpuTime(16, 253.0, 426.0, "assumed", 0.65, 0.04),
    volume=Volume(300_000_000_000, 10_100_000_000, 2_525_000_000, 500, Requests(1_003_000, 2000)),
    costs={"requests": 0.41},
)
