# What is written on charts.

too-small-for-a = too small for a chart
no-samples-in-this = no samples in this range
log = log
not-log-values-of = not log: values of 0 or less
stale = {" "}STALE
to = { $number } to { $number2 }
expected-in = 95 % expected in [{ $number }, { $number2 }]
usual-to = usual { $number } to { $number2 }
violated = violated
no-sample-here = { $when }  no sample here
of = of { $count }
