package main

// rings are faults in what surrounds the core.
var rings = []mutant{}
