waiting-for-the-connection = { $noun }: in attesa della connessione
reading = lettura: { $noun } ...
failing-since = { $noun }: in errore dalle { $at }
stale-since = VECCHIO dalle { $at }: { $why }
seconds-old = di pochi secondi fa
min-old = di { $ms } min fa
h-old = di { $ms } h fa
d-old = di { $ms } g fa
