# Why a state is what it is, and what is wrong, made from the figures that the service tells.

above-the-warning-bound = above the warning bound
below-the-warning-bound = below the warning bound
likely-to-leave = { $chance } to leave the range within { $horizon }
newest-sample = newest sample { $time } ({ $ago })
only-nan = only NaN or infinite samples
no-series = no series matches the query
not-read = not all of it was read yet
not-read-since = not all of it could be read since { $time }
not-yet = the instant lies { $ahead } in the future: nothing is known of it yet
when-last-seen = { $why }; violated when last seen, since { $time }
of-a-series = { $series }: { $why }
since = {" "}since { $time } ({ $ago })
source-fails = source { $name } fails{ $since }: { $words }
violated = { $name } { $side } { $bound }{ $since } worst { $worst }
no-data = { $name } no data: { $why }
at-risk = { $name } at risk: { $why }
not-active = { $name } is not active: it is not evaluated
no-history = no history
no-data-newest = no data: newest sample { $time } ({ $ago })
too-few-samples = too few finite samples ({ $samples }): at least { $needed } are needed; wait for more history or widen the window
history-too-short = history too short: { $known } are known, a forecast of { $horizon } needs as many
too-many-series = evaluation.max_outlooks = { $most } series are forecast, and this one is none of them
