"""Medians, ratios, and how they stand against the floors and goals of docs/architecture.md."""
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Target:
    what: str
    case: str      # label of measure.Case
    field: str     # of measure.Sample
    against: str   # name of a server
    floor: float
    goal: float
    is_cost: bool  # lower is better
    subject: str = "torc"

    def is_met(self, ratio, bound):
        return ratio <= bound if self.is_cost else ratio >= bound


TARGETS = [
    Target("SET, no pipeline, commands/s", "SET P1 64 B", "commands_per_s", "redis-always", 0.5, 1.0, False),
    Target("SET, pipeline 16, commands/s", "SET P16 64 B", "commands_per_s", "redis-always", 0.4, 1.0, False),
    Target("SET of 1 KiB, pipeline 16, commands/s", "SET P16 1024 B", "commands_per_s", "redis-always", 0.3, 0.6, False),
    Target("SET of 1 KiB, pipeline 16, p99", "SET P16 1024 B", "p99_ms", "redis-always", 8.0, 3.0, True),
    Target("GET, pipeline 16, commands/s", "GET P16 64 B", "commands_per_s", "redis", 0.5, 1.3, False),
    Target("GET, no pipeline, CPU per command", "GET P1 64 B", "cpu_us_per_command", "redis", 1.5, 0.7, True),
    Target("GET, no pipeline, CPU per command", "GET P1 64 B", "cpu_us_per_command", "limit", 2.0, 1.15, True),
    Target("SET, no pipeline, CPU per command, all nodes", "SET P1 64 B", "cpu_us_per_command", "redis-always", 3.0, 1.2, True),
    # 64 arcs at the cluster door beside one arc, and a door that leads a third of them beside the cluster door.
    Target("64 arcs: SET, no pipeline, commands/s", "SET P1 64 B", "commands_per_s", "torc", 0.5, 0.7, False, "torc-64"),
    Target("64 arcs: SET, pipeline 16, commands/s", "SET P16 64 B", "commands_per_s", "torc", 0.5, 0.85, False, "torc-64"),
    Target("64 arcs: GET, pipeline 16, commands/s", "GET P16 64 B", "commands_per_s", "torc", 0.5, 0.85, False, "torc-64"),
    Target("64 arcs, any door: SET, pipeline 16, commands/s", "SET P16 64 B", "commands_per_s", "torc-64", 0.3, 0.5, False,
           "torc-64-any"),
]
ETCD = Target("SET, no pipeline, commands/s", "SET P1 64 B", "commands_per_s", "etcd", 5.0, 20.0, False)
MEMORY = Target("memory per key (16 B key, 64 B value)", "", "", "redis", 2.0, 2.0, True)


def medians(samples):
    """{server: {case: [Sample]}} -> {server: {case: {field: median}}}"""
    return {server: {case: {field: median(getattr(sample, field) for sample in of_case) for field in vars(of_case[0])}
                     for case, of_case in by_case.items() if of_case}
            for server, by_case in samples.items()}


def verdicts(middle, memory, etcd_writes):
    """[(Target, ratio or None)]"""
    def ratio(torc, other):
        return torc / other if torc is not None and other else None
    measured = [target for target in TARGETS if {target.subject, target.against} <= middle.keys()]
    rows = [(target, ratio(middle[target.subject][target.case][target.field], middle[target.against][target.case][target.field]))
            for target in measured]
    rows.append((ETCD, ratio(middle["torc"][ETCD.case][ETCD.field], etcd_writes)))
    rows.append((MEMORY, ratio(memory.get("torc"), memory.get("redis"))))
    return rows


def markdown(middle, memory, etcd_writes, rows):
    servers = [name for name in ("torc", "redis-always", "redis", "limit", "torc-64", "torc-64-any") if name in middle]
    others = 3  # of these, beside which torc is put
    lines = ["| 50 clients | " + " | ".join(servers) + " | torc / redis-always | torc / redis | torc / limit |",
             "|---|" + "---:|" * (len(servers) + others)]
    fields = [("commands/s", "commands_per_s", "{:,.0f}"), ("p50 ms", "p50_ms", "{:.2f}"), ("p99 ms", "p99_ms", "{:.2f}"),
              ("CPU us/command", "cpu_us_per_command", "{:.1f}")]
    for case in middle["torc"]:
        for title, field, form in fields:
            values = [middle[server][case][field] for server in servers]
            ratios = [f"{values[0] / other:.2f}" if other else "-" for other in values[1:1 + others]]
            lines.append(f"| {case}, {title} | " + " | ".join(form.format(value) for value in values) + " | " +
                         " | ".join(ratios) + " |")
    kept = [f"{memory[server]:.0f}" if memory.get(server) else "-" for server in servers]
    lines.append("| memory, bytes/key | " + " | ".join(kept) + " | -" * others + " |")
    if etcd_writes:
        lines.append(f"\nThree etcd nodes, `etcdctl check perf --load l`: {etcd_writes:,.0f} writes/s.")
    lines += ["", "| ratio | against | measured | floor | goal | |", "|---|---|---:|---:|---:|---|"]
    for target, ratio in rows:
        sign = "<=" if target.is_cost else ">="
        if ratio is None:
            measured, word = "-", "not measured"
        else:
            measured = f"{ratio:.2f}"
            word = ("goal" if target.is_met(ratio, target.goal) else
                    "floor" if target.is_met(ratio, target.floor) else "BELOW THE FLOOR")
        lines.append(f"| {target.what} | {target.against} | {measured} | {sign} {target.floor} | {sign} {target.goal} | {word} |")
    return "\n".join(lines)
