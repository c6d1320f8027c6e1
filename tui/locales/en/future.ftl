# What is to come.

first = {"  "}first { $at }
what-is-to-come = what is to come
nothing-is-expected-yet = nothing is expected yet: forecasts come with the first evaluations of a set
no-row-passes-the = no row passes the filter (Esc clears it)
leaves-within = { $title } leaves { $range } within { $length }: { $p }
no-probability-is-given = { $title }: no probability is given
low-confidence-history-short = , low confidence: history short, constant or changed
track-record = track record: { $words }{ $low }
made = , made { $at }
method-bands-50-80 = method: { $method }{ $made }; bands 50/80/95 %
at-the-end-by = at the end, by the pool: median { $number }, 50 % [{ $number2 }, { $number3 }], 95 % [{ $number4 }, { $number5 }]
the-classic-forecast-holt = the classic forecast (Holt-Winters) also has outside: { $points }
now = now
future-violations = future violations
series = series     { $series-promql }
range = range      { $range }
