# A few simulated clusters on every test run; `make sim SEEDS=...` runs many. A failure prints its seed's command.
if(TARGET torc-sim AND NOT TORC_SANITIZE)
  add_test(NAME sim/smoke COMMAND torc-sim --seeds 40)
  set_tests_properties(sim/smoke PROPERTIES LABELS sim TIMEOUT 300)
endif()
