objectives = { $count ->
    [one] 1 obiettivo
   *[other] { $count } obiettivi
}
partitions = { $count ->
    [one] 1 partizione
   *[other] { $count } partizioni
}
dead-letters = { $count ->
    [one] 1 dead letter
   *[other] { $count } dead letter
}
records = { $count ->
    [one] 1 record
   *[other] { $count } record
}
days = { $count ->
    [one] 1 giorno
   *[other] { $count } giorni
}
samples = { $count ->
    [one] 1 campione
   *[other] { $count } campioni
}
times = { $count ->
    [one] 1 volta
   *[other] { $count } volte
}
intervals = { $count ->
    [one] 1 intervallo
   *[other] { $count } intervalli
}
violations = { $count ->
    [one] 1 violazione
   *[other] { $count } violazioni
}
failures = { $count ->
    [one] 1 errore
   *[other] { $count } errori
}
