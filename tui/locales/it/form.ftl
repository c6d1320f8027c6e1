yes = sì
no = no
warn-below = avv. sotto
above = sopra
series-match = { $series } serie corrispondono
query-no-series-matches = query: ora nessuna serie corrisponde
at-character = {" "}al carattere { $p }
query = query{ $place }: { $problem }
new = nuovo
warn-above = avv. sopra
hold-at-most = mantieni al più
must-be-a-duration = deve essere una durata
write-it-like-90s = scriverla come 90s, 5m o 1h
write-it-like-10m = scriverla come 10m o 24h, o lasciarla vuota
ahead = entro
tab-arrows-next-field = Tab, frecce  campo seguente e campo precedente
enter-takes-what-was = Invio        porta ciò che è scritto nella bozza; poi S salva l'insieme
esc-closes-the-form = Esc          chiude il modulo; se ci sono modifiche chiede un secondo Esc
ctrl-g-suggests-a = ctrl-g       suggerisce un intervallo dalle ultime 12 h
query-a-selector-such = query        un selettore come up{"{"}job="node"{"}"}, o un'espressione PromQL
name-how-it-is = nome         come si chiama; vuoto = la query stessa
min-max-the-bounds = min, max     le soglie ancora buone: 4, 2.5G, 2Gi, 80 %; vuoto = nessuna soglia da quel lato
warn-below-above-inside = avv. sotto, sopra   dentro l'intervallo: da lì in poi è a rischio
missing-what-unknown-time = assente      come conta il tempo ignoto: gap = per nulla, good, bad, hold = l'ultimo valore, zero = 0
target-how-much-of = target %     quanto del tempo deve essere buono, per esempio 99.9
counter-auto-a-counter = counter      auto = un counter si valuta dal suo ritmo al secondo; raw; rate
forecast-whether-it-is = previs.      se si dice che cosa sta per venire
ahead-how-far-it = entro        quanto si guarda avanti, per esempio 24h; vuoto = quanto guarda l'istanza
choices-space-or-the = scelte       spazio o le frecce a sinistra e a destra
query-label = query
name = nome
missing = assente
miss = ass.
at-most = al più
max = max
target = target %
good = buon %
counter = counter
counts-as = ct
forecast = previs.
fcst = prev
type-a-selector-or = scrivere un selettore o un'espressione; F1 dice che cosa significano i campi
can-be-taken-enter = si può prendere (Invio); ctrl-g suggerisce un intervallo
