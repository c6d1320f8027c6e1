# The form of an objective.

yes = yes
no = no
warn-below = warn below
above = above
series-match = { $series } series match
query-no-series-matches = query: no series matches now
at-character = {" "}at character { $p }
query = query{ $place }: { $problem }
new = new
warn-above = warn above
hold-at-most = hold at most
must-be-a-duration = must be a duration
write-it-like-90s = write it like 90s, 5m or 1h
write-it-like-10m = write it like 10m or 24h, or leave it empty
ahead = ahead
tab-arrows-next-field = Tab, arrows  next field and the field before
enter-takes-what-was = Enter        takes what was typed into the draft; S saves the set afterwards
esc-closes-the-form = Esc          closes the form; a form with changes asks for a second Esc
ctrl-g-suggests-a = ctrl-g       suggests a range from the last 12 h
query-a-selector-such = query        a selector such as up{"{"}job="node"{"}"}, or a PromQL expression
name-how-it-is = name         how it is called; empty = the query itself
min-max-the-bounds = min, max     the bounds that are still good: 4, 2.5G, 2Gi, 80 %; empty = no bound on that side
warn-below-above-inside = warn below, above   inside the range: from there on it is at risk
missing-what-unknown-time = missing      what unknown time counts as: gap = not at all, good, bad, hold = the last value, zero = 0
target-how-much-of = target %     how much of the time must be good, such as 99.9
counter-auto-a-counter = counter      auto = a counter is judged by its per-second rate; raw; rate
forecast-whether-it-is = forecast     whether it is said what is to come
ahead-how-far-it = ahead        how far it is looked ahead, such as 24h; empty = as far as the instance looks
choices-space-or-the = choices      space or the left and right arrows
query-label = query
name = name
missing = missing
miss = miss
at-most = at most
max = max
target = target %
good = good %
counter = counter
counts-as = as
forecast = forecast
fcst = fcst
type-a-selector-or = type a selector or an expression; F1 tells what the fields mean
can-be-taken-enter = can be taken (Enter); ctrl-g suggests a range
