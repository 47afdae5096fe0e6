# Reference of core.tme.mixing.combat: Rscript mixing.R < mixing.json, R 4.2.2, sva 3.46.0, jsonlite
suppressMessages({library(sva); library(jsonlite)})
given <- fromJSON(file("stdin"))$combat
corrected <- ComBat(t(as.matrix(given$x)), batch = given$batch)
cat(toJSON(round(t(corrected), 6), digits = 6))
