package stats

// ProvesQuantile says whether n independent results, of which late exceeded a
// limit, prove with the confidence that the p-quantile is at most that limit:
// whether P(B <= late) <= 1-confidence with B ~ Binomial(n, 1-p). It is the
// early-stopping test of MLPerf (mlcommons/inference, loadgen/early_stopping.cc):
// a run ends once its question is answered. The confidence is that of one look;
// who looks after each result and stops at the first success errs more often,
// so look at moments fixed beforehand, such as SamplesToProve of 0, 1, 2, …
// late results.
func ProvesQuantile(n, late int, p, confidence float64) bool {
	if n < 1 || late < 0 || late > n || !share(p) || !share(confidence) {
		return false
	}
	return binomialAtMost(late, n, 1-p) <= 1-confidence
}

// SamplesToProve returns the smallest n for which ProvesQuantile holds with
// late results over the limit.
func SamplesToProve(late int, p, confidence float64) (int, bool) {
	if late < 0 || !share(p) || !share(confidence) {
		return 0, false
	}
	return smallest(func(n int) bool { return n > late && ProvesQuantile(n, late, p, confidence) })
}
