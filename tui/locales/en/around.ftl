# What else moved.

what-else-moved-the = what else moved: the span is a duration such as 15m
what-else-moved-choose = what else moved: choose a row about one series
looking-for-what-else = looking for what else moved with { $title } ...
what-else-moved = what else moved: { $sentence }
nothing-else-changed-around = Nothing else changed around { $at }: { $counted }.
what-else-changed-is-unknown = What else changed around { $at } is unknown: { $counted }.
nothing-is-told-that = Nothing is told that comes as often without anything having happened.
moved-with = moved with { $name }
asked = asked
how-often-such-a = how often such a list is right is not proven for so short a past
of-seeded-incidents-the = of seeded incidents the culprit stood among the first 3 in { $rate } %
not-known-long-enough = not known long enough
left-out = left out
series = series
level = level
spread = spread
rate = rate
silence = silence
alive-to = alive { $before } % to { $after } %
to = { $before } to { $after }
first-to-move-first = first to move first
how-often-this-order = how often this order is right is not proven
greatest-change-first = greatest change first
moved-with-it = { $moved } moved with it at { $at }, { $order } ({ $counted })
