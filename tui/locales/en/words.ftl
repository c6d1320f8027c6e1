# States and sides; a state and its mark always stand together.

ok = ok
at-risk = at risk
violated = violated
no-data = no data
excluded = excluded
unproven = unproven
not-watched = not watched
above = above
below = below
outside = outside
utc = UTC
local = local
this-language = English
