module github.com/hfwatch/hfwatch/bench

go 1.26.7

require github.com/hfwatch/hfwatch v0.0.0

replace github.com/hfwatch/hfwatch => ../
