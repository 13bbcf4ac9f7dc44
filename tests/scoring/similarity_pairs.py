"""Eighty pairs of sentences, written by hand, on which the grader ``similarity`` is measured against others.

Twenty of each sort: ``SAME`` says the same twice with few words in common; ``CONFUSABLE`` says in nearly the
same words what would be a wrong answer, most often the opposite; ``RELATED`` says another thing about the
same matter in other words; ``UNRELATED`` pairs have nothing to do with one another. The first sentence of a
pair is the same in all four sorts. Sixteen of twenty are Spanish, two Catalan, one Galician, one Basque.
"""

from __future__ import annotations

SAME = (
    ("El plazo para reclamar es de diez días.", "Se dispone de diez días para presentar la reclamación."),
    ("Apaga la luz cuando salgas de casa.", "Al irte, no dejes las lámparas encendidas."),
    ("El tren llegó con media hora de retraso.", "El ferrocarril se demoró treinta minutos."),
    ("La biblioteca cierra los domingos.", "Los domingos no se puede entrar en la biblioteca."),
    ("El médico le recetó reposo absoluto.", "El doctor le mandó no moverse de la cama."),
    ("El precio de la electricidad bajó el mes pasado.", "La luz se abarató durante el último mes."),
    ("No hace falta pedir cita previa.", "Se puede acudir sin haber reservado hora."),
    ("El ayuntamiento plantará doscientos árboles.", "El consistorio va a poner 200 árboles nuevos."),
    ("Mi hermano trabaja de profesor.", "Mi hermano se gana la vida dando clases."),
    (
        "La empresa despidió a la mitad de la plantilla.",
        "La compañía echó al cincuenta por ciento del personal.",
    ),
    ("El agua hierve a cien grados.", "A 100 °C el agua entra en ebullición."),
    ("Está prohibido fumar en todo el edificio.", "No se permite el tabaco en ninguna planta."),
    ("El contrato se renueva cada año.", "El acuerdo tiene una prórroga anual."),
    ("Los niños menores de seis años no pagan.", "La entrada es gratuita hasta los cinco años."),
    ("Guarda una copia de tus datos.", "Haz un respaldo de tu información."),
    ("El motor se averió en plena autopista.", "El coche se estropeó en mitad de la carretera."),
    ("La biblioteca tanca els diumenges.", "Els diumenges no es pot entrar a la biblioteca."),
    ("El metge li va receptar repòs.", "El doctor li va manar que descansés."),
    ("O prazo para reclamar é de dez días.", "Hai dez días para presentar a reclamación."),
    ("Liburutegia igandeetan itxita dago.", "Igandeetan ezin da liburutegira sartu."),
)

CONFUSABLE = (
    ("El plazo para reclamar es de diez días.", "El plazo para pagar la multa es de tres meses."),
    ("Apaga la luz cuando salgas de casa.", "Cambia las bombillas de casa por otras de bajo consumo."),
    ("El tren llegó con media hora de retraso.", "El tren llegó a su hora."),
    ("La biblioteca cierra los domingos.", "La biblioteca abre los domingos."),
    ("El médico le recetó reposo absoluto.", "El médico le recetó antibióticos."),
    ("El precio de la electricidad bajó el mes pasado.", "El precio de la electricidad subió el mes pasado."),
    ("No hace falta pedir cita previa.", "Hace falta pedir cita previa por teléfono."),
    ("El ayuntamiento plantará doscientos árboles.", "El ayuntamiento talará doscientos árboles."),
    ("Mi hermano trabaja de profesor.", "Mi hermano estudia para ser profesor."),
    ("La empresa despidió a la mitad de la plantilla.", "La empresa contrató a la mitad de la plantilla."),
    ("El agua hierve a cien grados.", "El agua se congela a cero grados."),
    ("Está prohibido fumar en todo el edificio.", "Se puede fumar en la terraza del edificio."),
    ("El contrato se renueva cada año.", "El contrato termina este año y no se renueva."),
    ("Los niños menores de seis años no pagan.", "Los jubilados pagan la mitad de la entrada."),
    ("Guarda una copia de tus datos.", "Borra todas las copias de tus datos."),
    ("El motor se averió en plena autopista.", "La autopista estaba cortada por obras."),
    ("La biblioteca tanca els diumenges.", "La biblioteca obre els diumenges al matí."),
    ("El metge li va receptar repòs.", "El metge li va receptar unes pastilles."),
    ("O prazo para reclamar é de dez días.", "O prazo para pagar é de tres meses."),
    ("Liburutegia igandeetan itxita dago.", "Liburutegia igandeetan zabalik dago."),
)

RELATED = (
    ("El plazo para reclamar es de diez días.", "Las quejas se presentan en el registro general."),
    ("Apaga la luz cuando salgas de casa.", "Las bombillas de bajo consumo duran varios años."),
    ("El tren llegó con media hora de retraso.", "La estación tiene cuatro andenes y una cafetería."),
    ("La biblioteca cierra los domingos.", "Los libros se prestan durante tres semanas."),
    ("El médico le recetó reposo absoluto.", "La enfermera le puso una vacuna en el brazo."),
    ("El precio de la electricidad bajó el mes pasado.", "Las placas solares producen energía limpia."),
    ("No hace falta pedir cita previa.", "La oficina de atención está en la planta baja."),
    ("El ayuntamiento plantará doscientos árboles.", "Los jardineros riegan el parque por la noche."),
    ("Mi hermano trabaja de profesor.", "Los alumnos tienen examen el viernes."),
    ("La empresa despidió a la mitad de la plantilla.", "El sindicato firmó un convenio con la dirección."),
    ("El agua hierve a cien grados.", "La nieve se derrite cuando sube la temperatura."),
    ("Está prohibido fumar en todo el edificio.", "El tabaco es malo para los pulmones."),
    ("El contrato se renueva cada año.", "La fianza se devuelve al dejar el piso."),
    ("Los niños menores de seis años no pagan.", "El museo vende recuerdos a la salida."),
    ("Guarda una copia de tus datos.", "El ordenador necesita una contraseña segura."),
    ("El motor se averió en plena autopista.", "El taller cambia el aceite en una hora."),
    ("La biblioteca tanca els diumenges.", "Els llibres es presten durant tres setmanes."),
    ("El metge li va receptar repòs.", "La infermera li va posar una vacuna."),
    ("O prazo para reclamar é de dez días.", "As queixas preséntanse no rexistro xeral."),
    ("Liburutegia igandeetan itxita dago.", "Liburuak hiru astez maileguan hartzen dira."),
)

UNRELATED = (
    ("El plazo para reclamar es de diez días.", "Las ballenas jorobadas cantan bajo el agua."),
    ("Apaga la luz cuando salgas de casa.", "Cervantes nació en Alcalá de Henares."),
    ("El tren llegó con media hora de retraso.", "La tortilla lleva huevos y patatas."),
    ("La biblioteca cierra los domingos.", "El cobre conduce bien el calor."),
    ("El médico le recetó reposo absoluto.", "Los volcanes de Canarias siguen activos."),
    ("El precio de la electricidad bajó el mes pasado.", "Mi abuela teje bufandas de colores."),
    ("No hace falta pedir cita previa.", "El equipo local perdió por dos goles."),
    ("El ayuntamiento plantará doscientos árboles.", "La suma de los ángulos de un triángulo es 180 grados."),
    ("Mi hermano trabaja de profesor.", "La sal se disuelve en el agua."),
    ("La empresa despidió a la mitad de la plantilla.", "La Luna tarda un mes en dar la vuelta a la Tierra."),
    ("El agua hierve a cien grados.", "El alcalde dimitió ayer por la tarde."),
    ("Está prohibido fumar en todo el edificio.", "Los gatos duermen dieciséis horas diarias."),
    ("El contrato se renueva cada año.", "La guitarra tiene seis cuerdas."),
    ("Los niños menores de seis años no pagan.", "El Ebro desemboca en el Mediterráneo."),
    ("Guarda una copia de tus datos.", "Las aceitunas se recogen en otoño."),
    ("El motor se averió en plena autopista.", "Velázquez pintó Las meninas."),
    ("La biblioteca tanca els diumenges.", "El coure és un bon conductor de la calor."),
    ("El metge li va receptar repòs.", "La truita porta ous i patates."),
    ("O prazo para reclamar é de dez días.", "As baleas cantan baixo a auga."),
    ("Liburutegia igandeetan itxita dago.", "Gitarrak sei hari ditu."),
)
