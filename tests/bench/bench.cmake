# Programs that measurements and integration tests need: texts of any size, and what word counts stand beside.
add_executable(torc-text bench/generate_text.cc)
target_link_libraries(torc-text PRIVATE torc_base)
add_executable(torc-count-words bench/count_words.cc)
target_link_libraries(torc-count-words PRIVATE torc_mapreduce)
torc_uninstrumented(torc-text torc-count-words)
add_executable(torc-plain-responder bench/plain_responder.cc)
torc_uninstrumented(torc-plain-responder)
