now = Ora
metrics = Metriche
sets = SLA
past = Passato
future = Futuro
runs = Esecuzioni
weather = Meteo
short = Ora Met. SLA Pass. Fut. Esec. Meteo
