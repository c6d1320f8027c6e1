# How far a forecast is to be believed.

with-arima = { $ours } (ARIMA: { $arima })
withheld-worse-than-last = withheld: worse than last value
better-than-last = { $share } better than last value ({ $scored } scored{ $seeded })
as-good-as-last = as good as last value ({ $scored } scored{ $seeded })
unproven-none-is-scored = unproven: none is scored yet
all-over-stored-history = , all over stored history
of-them-over-stored = , { $some } of them over stored history
unproven-scored = unproven ({ $scored } scored, { $left }{ $seeded })
withheld-worse = withheld: worse
better = { $share } better
as-good = as good
none-scored-yet = none scored yet
unproven = unproven ({ $scored }, { $violations })
