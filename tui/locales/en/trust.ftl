# How far a forecast is to be believed.

with-arima = { $ours } (ARIMA: { $arima })
withheld-worse-than-last = withheld: worse than last value
of-right = { $right } of { $scored } right
unproven-none-is-scored = unproven: none is scored yet
all-over-stored-history = , all over stored history
of-them-over-stored = , { $some } of them over stored history
unproven-scored = unproven ({ $scored } scored, { $left }{ $seeded })
withheld-worse = withheld: worse
proven = proven
none-scored-yet = none scored yet
unproven = unproven ({ $scored }, { $violations })
