# A text file as a C++ string: -D IN=file -D OUT=file.cpp -D SYMBOL=name.
file(READ ${IN} text)
file(WRITE ${OUT} "extern const char ${SYMBOL}[];\nconst char ${SYMBOL}[] = R\"mrun_text(${text})mrun_text\";\n")
