# While something is read, or not to be had.

waiting-for-the-connection = { $noun }: waiting for the connection
reading = reading { $noun } ...
failing-since = { $noun }: failing since { $at }
stale-since = STALE since { $at }: { $why }
seconds-old = seconds old
min-old = { $ms } min old
h-old = { $ms } h old
d-old = { $ms } d old
