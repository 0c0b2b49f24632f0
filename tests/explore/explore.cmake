# Small worlds and planted bugs of consensus, on every test run; `make explore` goes further. The unit tests of src/explore
# carry the rest.
if(TARGET torc-explore AND NOT TORC_SANITIZE)
  add_test(NAME explore/crash COMMAND torc-explore --fast-disk --terms 2 --proposals 0 --crashes 1 --depth 20 --seconds 60)
  add_test(NAME explore/terms COMMAND torc-explore --fast-disk --terms 3 --proposals 0 --crashes 0 --depth 16 --seconds 60)
  set_tests_properties(explore/crash explore/terms PROPERTIES LABELS explore TIMEOUT 300)
endif()
