# The row of tabs: all seven and their digits stand in 80 columns. Where they do not, only the last word of each is shown, then the
# seven short forms, in the same order.

now = Now
metrics = Metrics
sets = SLA sets
past = Past
future = Future
runs = Runs
weather = Weather
short = Now Met. SLA Past Fut. Runs Wea.
