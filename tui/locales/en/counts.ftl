# So many of something.

objectives = { $count ->
    [one] 1 objective
   *[other] { $count } objectives
}
partitions = { $count ->
    [one] 1 partition
   *[other] { $count } partitions
}
dead-letters = { $count ->
    [one] 1 dead letter
   *[other] { $count } dead letters
}
records = { $count ->
    [one] 1 record
   *[other] { $count } records
}
days = { $count ->
    [one] 1 day
   *[other] { $count } days
}
samples = { $count ->
    [one] 1 sample
   *[other] { $count } samples
}
times = { $count ->
    [one] 1 time
   *[other] { $count } times
}
intervals = { $count ->
    [one] 1 interval
   *[other] { $count } intervals
}
violations = { $count ->
    [one] 1 violation
   *[other] { $count } violations
}
failures = { $count ->
    [one] 1 failure
   *[other] { $count } failures
}
