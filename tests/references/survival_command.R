# R's numbers for the data sets of tests/core/survival/test_against_r.py.
#   python benchmarks/against_r.py --store tests/references/survival_command.json   (options and rows of the data sets)
#   Rscript tests/references/survival_command.R                                     (adds R's numbers to that file)
# The statistics are those of benchmarks/against_r.R: survival, cmprsk, and rank tests written from their definitions.
folder <- tempfile(); dir.create(folder)
source("benchmarks/against_r.R")
path <- "tests/references/survival_command.json"
stored <- fromJSON(path, simplifyVector = FALSE)
for (i in seq_along(stored$sets)) {
  o <- stored$sets[[i]]$options
  cat(stored$sets[[i]]$csv, file = file.path(folder, o$file))
  stored$sets[[i]]$r <- fromJSON(as_json(answer(o)), simplifyVector = FALSE)
}
writeLines(as_json(c(list(command = "Rscript tests/references/survival_command.R"), versions, stored["sets"])), path)
