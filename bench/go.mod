module github.com/hfwatch/hfwatch/bench

go 1.26.7

require github.com/hfwatch/hfwatch v0.0.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/hfwatch/hfwatch => ../
